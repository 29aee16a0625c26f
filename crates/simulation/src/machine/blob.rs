//! A blob of commonware, in a place of the machine's disk.

use super::{Machine, resolve};
use commonware_runtime::{
    Blob, BufMut, Error, Handle, IoBufMut, IoBufs, IoBufsMut, ReadOptions, WriteOptions, reschedule,
};
use heddle_storage::{Disk, SimulatedDisk};

/// An open blob. No operation of it resolves once the machine has stopped, reads included.
///
/// To write is done at once. To sync takes until the tasks that are ready have had their turn, so
/// that whoever acts before it has ended is found out.
#[derive(Debug)]
pub struct NodeBlob {
    machine: Machine,
    disk: SimulatedDisk,
    place: usize,
}

impl NodeBlob {
    /// The blob in a place, which it closes at last.
    pub(super) fn new(machine: Machine, place: usize) -> Self {
        let disk = machine.0.disk.sibling(place);
        Self { machine, disk, place }
    }

    /// Reads some bytes, which an error says are not all there.
    async fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        self.machine.running().await;
        let end = end(offset, len)?;
        if end > resolve(self.disk.len()).await {
            return Err(Error::BlobInsufficientLength);
        }
        let mut bytes = vec![0; len];
        resolve(self.disk.read_at(offset, &mut bytes)).await;
        Ok(bytes)
    }
}

impl Drop for NodeBlob {
    fn drop(&mut self) {
        self.machine.close(self.place);
    }
}

impl Blob for NodeBlob {
    async fn read_at_buf(
        &self,
        offset: u64,
        len: usize,
        bufs: impl Into<IoBufsMut> + Send,
        _options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        let mut bufs = bufs.into();
        assert!(len <= bufs.capacity(), "the buffers have no room for {len} bytes");
        let bytes = self.read(offset, len).await?;
        if let Some(buf) = bufs.as_single_mut() {
            buf.clear();
            buf.put_slice(&bytes);
        } else if bufs.is_empty() {
            bufs.put_slice(&bytes);
        } else if bufs.len() == len {
            bufs.copy_from_slice(&bytes);
        } else {
            // Several buffers cannot be emptied from here; nobody reads into such.
            bufs = IoBufMut::from(bytes).into();
        }
        Ok(bufs)
    }

    async fn read_at(
        &self,
        offset: u64,
        len: usize,
        _options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        Ok(IoBufMut::from(self.read(offset, len).await?).into())
    }

    async fn write_at(
        &self,
        offset: u64,
        bufs: impl Into<IoBufs> + Send,
        options: WriteOptions,
    ) -> Result<(), Error> {
        let bytes = bufs.into().coalesce();
        end(offset, bytes.len())?;
        if bytes.is_empty() {
            self.machine.running().await;
        } else if options.contains(WriteOptions::SYNC) {
            reschedule().await;
            resolve(self.disk.write_synced_at(offset, bytes.as_ref())).await;
        } else {
            resolve(self.disk.write_at(offset, bytes.as_ref())).await;
        }
        Ok(())
    }

    async fn resize(&self, len: u64) -> Result<(), Error> {
        end(len, 0)?;
        resolve(self.disk.set_len(len)).await;
        Ok(())
    }

    async fn sync(&self) -> Result<(), Error> {
        reschedule().await;
        resolve(self.disk.sync()).await;
        Ok(())
    }

    /// The sync is done when the handle is awaited. One that nobody awaits is not done before the
    /// next: nobody can tell it from one that takes long.
    async fn start_sync(&self) -> Handle<()> {
        self.machine.running().await;
        // The handle does not keep the blob open.
        let disk = self.disk.clone();
        Handle::from_future(async move {
            reschedule().await;
            resolve(disk.sync()).await;
            Ok(())
        })
    }
}

/// Where bytes end, which must be a place in memory.
fn end(offset: u64, len: usize) -> Result<u64, Error> {
    let end = offset.checked_add(len as u64).ok_or(Error::OffsetOverflow)?;
    isize::try_from(end).map_err(|_| Error::OffsetOverflow)?;
    Ok(end)
}
