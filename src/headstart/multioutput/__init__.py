"""Several outputs an image: labels that do not exclude each other, or numbers, by one mechanism.

What differs between the two lies in `kinds`, one file each; what is fitted in `fits`; what is measured in `metrics`.
"""
