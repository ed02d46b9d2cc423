//! Rules of tables and catalogues: what is wrong with a file, at which cell, and how to mend it.

use super::Pair;

/// The words of such a rule.
pub(super) fn of(rule: &str) -> Option<(Pair, Pair)> {
    Some(match rule {
        "sheet.empty" => (
            ("表格是空的。", "The table is empty."),
            (
                "用 `liandong catalogue template FILE.csv` 生成表头后填写。",
                "Begin with `liandong catalogue template FILE.csv`.",
            ),
        ),
        "sheet.utf8" => (
            (
                "这个 .csv 不是 UTF-8 编码（数字为出错的字节位置）。",
                "This .csv is not in UTF-8 (the number is the byte where it fails).",
            ),
            ("另存为“CSV UTF-8”或 .xlsx 后再导入。", "Save it as \"CSV UTF-8\" or as .xlsx, and import that."),
        ),
        "sheet.readable" => (
            ("这个文件不是能读的表格。", "This file is no table that can be read."),
            (
                "在 Excel 或 WPS 中打开，另存为 .xlsx 或 CSV UTF-8。",
                "Open it in Excel or WPS, and save it as .xlsx or CSV UTF-8.",
            ),
        ),
        "sheet.quote" => (
            ("从这个单元格起，引号没有结束。", "A quote begins in this cell and never ends."),
            ("补上缺少的引号，或另存为 .xlsx。", "Add the missing quote, or save it as .xlsx."),
        ),
        "sheet.claims" => (
            (
                "文件声称的内容多于它实际所有，可能已损坏或被做过手脚。",
                "The file claims to hold more than it does: it is damaged or was tampered with.",
            ),
            ("请提供者重新导出；不要使用来历不明的文件。", "Have it exported anew; use no file of unknown origin."),
        ),
        "sheet.column_known" => (
            ("表头中的这一列不是资源记录的字段。", "This column of the header is no field of a resource."),
            (
                "对照 `liandong catalogue template -` 改正列名；自用的列名以 # 开头即可略过。",
                "Correct it by `liandong catalogue template -`; a column of your own is passed over if its name begins with #.",
            ),
        ),
        "sheet.column_once" => {
            (("同一字段有两列。", "Two columns are for the same field."), ("删去其中一列。", "Remove one of them."))
        }
        "sheet.no_formula" => (
            ("单元格里是公式，不是值。", "The cell holds a formula, not a value."),
            ("选中后“复制、选择性粘贴、数值”，再导入。", "Copy it and paste it as a value, and import again."),
        ),
        "sheet.no_turning" => (
            (
                "单元格里有看不见的变向字符，会让内容看起来是另一个样子。",
                "The cell holds an invisible character that turns the direction of the text: it looks like something else.",
            ),
            ("删去后重新输入这一格。", "Clear the cell and type it again."),
        ),
        "sheet.id_once" | "catalogue.id_once" => (
            (
                "同一资源编号出现两次（冒号后为首次所在行）。",
                "A resource id is there twice (the row of the first stands behind the colon).",
            ),
            ("每项资源只留一行，或改正编号。", "Keep one row for each resource, or correct the id."),
        ),
        "catalogue.centroid" => (
            ("通讯录里没有这个成员，或没有它的位置。", "The directory knows no such member, or not where it lies."),
            ("改用坐标：--near 纬度,经度。", "Name a place instead: --near LAT,LON."),
        ),
        _ => return None,
    })
}
