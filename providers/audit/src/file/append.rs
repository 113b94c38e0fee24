//! An append that happens as a whole or not at all.

use std::fs::File;
use std::io::{self, Write};

/// What an append needs of a file.
pub(super) trait Appendable {
    /// Writes at the end; may fail after a part of it.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once the content survives a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

impl Appendable for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }
}

/// Appends to a file of `len` bytes, durably; after a failure the file has `len` bytes again.
pub(super) fn append_whole(file: &mut impl Appendable, len: u64, bytes: &[u8]) -> io::Result<()> {
    let written = file.write_all(bytes).and_then(|()| file.sync());
    if written.is_err()
        && let Err(error) = file.set_len(len)
    {
        // The next batch finds a length that it does not expect, and repairs the file first.
        tracing::warn!(%error, "cannot undo an unfinished write to the audit file");
    }
    written
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    /// A disk with room for `room` bytes, whose flushes may fail.
    struct SmallDisk {
        content: RefCell<Vec<u8>>,
        room: usize,
        flushes: bool,
    }

    impl Appendable for SmallDisk {
        fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
            let content = self.content.get_mut();
            let fits = bytes.len().min(self.room - content.len());
            content.extend_from_slice(&bytes[..fits]);
            if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn sync(&self) -> io::Result<()> {
            if self.flushes { Ok(()) } else { Err(io::Error::other("flush")) }
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.content.borrow_mut().truncate(usize::try_from(len).unwrap());
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn all_or_nothing(
            before in proptest::collection::vec(any::<u8>(), 0..20),
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
            spare in 0_usize..25,
            flushes: bool,
        ) {
            let room = before.len() + spare;
            let mut disk = SmallDisk { content: before.clone().into(), room, flushes };
            let outcome = append_whole(&mut disk, before.len() as u64, &bytes);
            prop_assert_eq!(outcome.is_ok(), bytes.len() <= spare && flushes);
            let expected = if outcome.is_ok() { [before, bytes].concat() } else { before };
            prop_assert_eq!(disk.content.into_inner(), expected);
        }
    }
}
