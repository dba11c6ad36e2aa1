"""A catalogue of garments and accessories drawn by our own code, with a caption for each picture."""
