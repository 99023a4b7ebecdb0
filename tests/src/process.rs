//! Programs under test.

use std::{
    io,
    ops::{Deref, DerefMut},
    process::{Child, Command},
};

use crate::leash::Leash;

/// A running program that ends with this value, and with the tests, however they end.
pub struct Process {
    child: Child,
    leash: Leash,
}

impl Process {
    /// # Errors
    /// When the program cannot be executed.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut leash = Leash::new();
        let child = command.spawn()?;
        leash.hold(Some(child.id()));
        Ok(Self { child, leash })
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already: tests kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its pid is anybody's from now on.
        self.leash.hold(None);
    }
}
