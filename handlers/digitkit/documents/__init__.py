"""Documents: files of several pages, PDF, TIFF and DICOM, each page of which becomes a grey picture when it is asked for."""
