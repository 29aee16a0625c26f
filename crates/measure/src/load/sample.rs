//! What the system says of processes and folders; nothing where there is no /proc.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often the system counts the time of processes in a second. Linux tells all programs 100,
/// whatever it uses itself.
const CLOCK_HERTZ: u64 = 100;

/// The state of a listening socket in /proc/net/tcp.
const LISTENING: &str = "0A";

/// A running process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    folder: PathBuf,
}

impl Process {
    /// The process with this number.
    pub(super) fn new(id: u32) -> Self {
        Self { folder: format!("/proc/{id}").into() }
    }

    /// This process.
    pub(super) fn own() -> Self {
        Self { folder: "/proc/self".into() }
    }

    /// The process of this machine that listens on a port, if it may be looked at.
    pub(super) fn listening_on(port: u16) -> Option<Self> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .flat_map(|table| listening(&table, port))
            .collect();
        let mut processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
            let entry = entry.ok()?;
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some(Self::new(id))
        });
        processes.find(|process| process.has_open(&sockets).unwrap_or(false))
    }

    fn has_open(&self, sockets: &[String]) -> Option<bool> {
        let files = fs::read_dir(self.folder.join("fd")).ok()?;
        let mut targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        Some(targets.any(|target| {
            target.to_str().is_some_and(|target| sockets.iter().any(|socket| socket == target))
        }))
    }

    /// Bytes in memory.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(self.folder.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Time that processors have spent on it.
    pub(super) fn processor_time(&self) -> Option<Duration> {
        processor_time(&fs::read_to_string(self.folder.join("stat")).ok()?)
    }
}

/// Names of the sockets that listen on a port, as they are among the open files of a process.
fn listening(table: &str, port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    let sockets = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENING;
        is_it.then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
    });
    sockets.collect()
}

/// From a line of /proc/PID/stat: fields 14 and 15, counted after the name, which may hold blanks.
fn processor_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / CLOCK_HERTZ))
}

/// Bytes of all files in a folder and below.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        // It went away, or is a link.
        _ => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_who_listens() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2161 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0
   1: 0100007F:2161 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0
   2: 0100007F:2162 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0
";
        assert_eq!(listening(table, 8545), ["socket:[4242]"]);
        assert_eq!(listening("", 8545), Vec::<String>::new());
    }

    #[test]
    fn knows_the_time_of_a_process_whose_name_is_odd() {
        let stat = "42 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(processor_time("42 (a"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn knows_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let process = Process::listening_on(port).unwrap();
        assert_eq!(process.folder, Path::new(&format!("/proc/{}", std::process::id())));
        assert!(process.resident_bytes().unwrap() > 1 << 20);
        assert!(process.processor_time().is_some());
    }

    #[test]
    fn adds_up_the_files_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), [0; 10]).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c"), [0; 5]).unwrap();
        assert_eq!(folder_bytes(folder.path()), 15);
        assert_eq!(folder_bytes(&folder.path().join("none")), 0);
    }
}
