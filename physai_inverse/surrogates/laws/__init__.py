"""Laws: sums of powers of sizes, as means that extrapolate (`process`) and as formulas to read (`fitted`)."""
