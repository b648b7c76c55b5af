//! What the process uses, by the names that every Prometheus exporter gives it, and which build it is.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// Of this process. What the system does not tell is left out.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        to.encode_descriptor("tenantry_build", "Which build this is.", None, MetricType::Info)?
            .encode_info(&version)?;
        if let Some(used) = Used::read() {
            to.encode_descriptor("process_cpu_seconds", "User and system time.", None, MetricType::Counter)?
                .encode_counter::<prometheus_client::encoding::NoLabelSet, _, f64>(&used.cpu_s, None)?;
            gauge(&mut to, "process_resident_memory_bytes", "Memory that is in use.", used.resident_bytes)?;
            gauge(&mut to, "process_virtual_memory_bytes", "Memory that is mapped.", used.virtual_bytes)?;
            gauge(&mut to, "process_threads", "Threads.", used.threads)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            gauge(&mut to, "process_open_fds", "Open files and sockets.", open.count() as u64)?;
        }
        let most = getrlimit(Resource::Nofile).current;
        most.map_or(Ok(()), |most| gauge(&mut to, "process_max_fds", "Files and sockets that may be open.", most))
    }
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

struct Used {
    cpu_s: f64,
    threads: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
}

impl Used {
    fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// `proc(5)`: the name of the program stands in brackets and may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        Some(Self {
            cpu_s: ticks as f64 / clock_ticks_per_second() as f64,
            threads: number(20)?,
            virtual_bytes: number(23)?,
            resident_bytes: number(24)? * page_size() as u64,
        })
    }
}
