"""The built-in trainings, one small file each, named as the task. See `tasks.task` for what it holds."""
