"""What measures: speed, drift, quality, ablations and their plots, apart from what plays."""
