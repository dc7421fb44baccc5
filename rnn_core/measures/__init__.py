"""What a trained net has learnt, measured against its pattern: `measure` returns a Report."""
