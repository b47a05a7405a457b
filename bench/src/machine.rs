//! What the machine is and how busy: figures mean nothing without it.

use std::process::Command;

/// The time of the run, in UTC.
pub(crate) fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Cores, memory, kernel and disk.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "processor unknown".to_owned());
    let kilobytes: u64 = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let gib = (kilobytes as f64 / 1_048_576.0).round();
    format!("{cores} cores ({model}), {gib} GiB of memory, Linux {}, {}", kernel.trim(), disk())
}

/// The load averages of 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// The most memory a process has had, in bytes.
pub(crate) fn memory_peak_bytes(process: u32) -> Option<u64> {
    let text = field(&format!("/proc/{process}/status"), "VmHWM")?;
    text.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn disk() -> String {
    let asked = Command::new("df").args(["--output=fstype,source", "."]).output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut words = text.lines().nth(1).unwrap_or_default().split_whitespace();
    let (kind, source) = (words.next().unwrap_or("unknown"), words.next().unwrap_or_default());
    let device = source.rsplit('/').next().unwrap_or_default();
    let turning = read(&format!("/sys/block/{device}/queue/rotational"));
    let medium = match (device.starts_with("vd"), turning.trim()) {
        (true, _) => "a virtual disk",
        (false, "0") => "a solid-state disk",
        (false, "1") => "a turning disk",
        _ => "a disk of unknown kind",
    };
    format!("{kind} on {medium}")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read(file);
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
