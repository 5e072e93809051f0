"""What a run looks like on stderr. rich lives here and nowhere else."""
