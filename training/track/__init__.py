"""Where the figures of trainings are kept: TensorBoard's files, or a tracker that the user has."""
