"""Networks of the tasks, one small file each."""
