//! Integration tests, one binary: each file is a subject.

#![allow(dead_code, clippy::allow_attributes, reason = "not every subject needs each helper")]
#![allow(
    unreachable_pub,
    clippy::explicit_write,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do: by a panic"
)]

mod aedat4;
mod configs;
mod control;
mod dca1000;
mod dsp_event;
mod dsp_radar;
mod event_net;
mod evt;
mod export;
mod golden;
mod guard;
mod live;
mod live_pipeline;
mod lockout;
mod loopback;
mod npy;
mod openmv;
mod pcap;
mod pipeline;
mod player;
mod publish;
mod radar_files;
mod recording;
mod replay;
mod respiration;
mod schema;
mod scratch;
mod serial;
mod support;
mod tidy;
mod web;
mod zmtp;
