//! carelog-lab-pdf
