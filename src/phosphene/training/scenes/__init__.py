"""What clips are about: sound, camera moves and source pictures, all at random."""
