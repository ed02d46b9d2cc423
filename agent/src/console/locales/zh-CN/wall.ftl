wall = 大屏
wall-open = 大屏
wall-unopened = 未打开 { $n } 件
wall-tasks = 要办 { $n } 件
wall-flash = 特提，未办结
