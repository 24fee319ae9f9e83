"""Readers of galaxy images and spectra: FITS, DESI, HDF5, parquet, npz."""
