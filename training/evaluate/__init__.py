"""How good a net is: accuracy as served, calibration, real pictures, corruptions, the report."""
