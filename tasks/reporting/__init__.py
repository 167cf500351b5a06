"""What sub agents say: results, usage, how often they are asked."""
