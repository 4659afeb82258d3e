"""What a training step reads: crops on disk, label budget, schedule, clips and their augmentation."""
