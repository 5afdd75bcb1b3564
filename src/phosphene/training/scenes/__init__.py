"""What clips are about: captions, sound, camera moves and source pictures, all at random."""
