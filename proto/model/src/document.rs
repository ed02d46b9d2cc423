//! What a message does to a shared document, and what members may do.

use crate::numbered::numbered;

numbered! {
    /// What a document change does.
    pub enum DocumentOp as "op" {
        /// Writes the item.
        Put = 1, "PUT", "写入";
        /// Removes the item and leaves a tombstone.
        Remove = 2, "REMOVE", "移除";
    }
}

numbered! {
    /// What members other than the owner may do in a document; later in order is more.
    pub enum MemberRights as "members" {
        /// Read only.
        None = 1, "NONE", "只读";
        /// Add items.
        Add = 2, "ADD", "可新增";
        /// Add items and edit every item.
        AddAndEdit = 3, "ADD_AND_EDIT", "可新增和修改";
    }
}
