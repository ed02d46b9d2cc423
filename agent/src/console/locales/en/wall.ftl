wall = Wall
wall-open = Wall
wall-unopened = { $n } unopened
wall-tasks = { $n } to do
wall-flash = FLASH, still open
