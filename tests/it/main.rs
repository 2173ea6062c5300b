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
mod bundle;
mod configs;
mod control;
mod dca1000;
mod demo;
mod dsp_event;
mod dsp_radar;
mod event_net;
mod evt;
mod export;
mod freeze;
mod golden;
mod guard;
mod live;
mod live_pipeline;
mod lockout;
mod loopback;
mod networks;
mod npy;
mod openmv;
mod outage;
mod package;
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
mod signatures;
mod subscribers;
mod support;
mod tidy;
mod web;
mod zmtp;
