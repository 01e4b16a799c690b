"""What a problem is: constellation, link budget, tasks, instances and their file."""
