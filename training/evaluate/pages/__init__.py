"""How the numbers of whole pages and photos are found and read, in real pictures that no package ships."""
