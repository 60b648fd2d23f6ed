"""How whole numbers are read: in real pictures of lines that no package ships, and in pictures without a number."""
