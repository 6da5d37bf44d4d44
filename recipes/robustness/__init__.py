"""What the programs do with damaged files, and when they are killed."""
