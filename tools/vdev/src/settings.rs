//! The configuration of the daemon that fits a virtual device, as TOML.

use std::fmt::Write as _;
use std::path::Path;

use firmware_proto::{Config, ConfigBody, EventFormat};
use visaged::data::{ChirpConfig, Geometry};
use visaged::units::Micros;

use crate::dca1000::DcaOptions;

/// The `[[sensor]]` table for a board behind `port`, called `name`.
///
/// `stamp_delay` is how long after its start a radar frame is stamped.
#[must_use]
pub fn serial(name: &str, port: &Path, config: &Config, stamp_delay: Micros) -> String {
    let mut text = String::new();
    let port = port.display();
    // Writing to a string cannot fail.
    let _written = match &config.body {
        ConfigBody::Radar(radar) => {
            let antennas: Vec<_> =
                (1..=8).filter(|antenna| radar.rx_mask >> (antenna - 1) & 1 == 1).collect();
            write!(
                text,
                "[[sensor]]\nname = \"{name}\"\nkind = \"radar-serial\"\n\n[sensor.settings]\n\
                 port = \"{port}\"\n\
                 start-frequency-khz = {}\nend-frequency-khz = {}\nsample-rate-hz = {}\n\
                 chirp-period-ns = {}\nframe-period-us = {}\nsamples-per-chirp = {}\n\
                 chirps-per-frame = {}\nrx-antennas = {antennas:?}\nadc-bits = {}\n\
                 stamp-delay-us = {}\n\n",
                radar.start_frequency_khz,
                radar.end_frequency_khz,
                radar.sample_rate_hz,
                radar.chirp_period_ns,
                radar.frame_period_us,
                radar.samples_per_chirp,
                radar.chirps_per_frame,
                radar.adc_bits,
                stamp_delay.0,
            )
        }
        ConfigBody::Event(event) => {
            write!(
                text,
                "[[sensor]]\nname = \"{name}\"\nkind = \"event-serial\"\n\n[sensor.settings]\n\
                 port = \"{port}\"\nformat = \"{}\"\n\
                 geometry = {{ width = {}, height = {} }}\n\n",
                format_name(event.format),
                event.width,
                event.height,
            )
        }
    };
    text
}

/// The `[[sensor]]` table for a virtual DCA1000 at `options`, whose host answers on `commands`.
#[must_use]
pub fn dca1000(name: &str, chirps: &ChirpConfig, options: &DcaOptions) -> String {
    let slope_mhz_per_us = (chirps.end.0 - chirps.start.0) / samples_time_us(chirps) * 1e-6;
    let data = options.data;
    format!(
        "[[sensor]]\nname = \"{name}\"\nkind = \"radar-dca1000\"\n\n[sensor.settings]\n\
         data = \"{data}\"\ncommands = \"{}:{}\"\nboard = \"{}\"\n\n[sensor.settings.radar]\n\
         rx-antennas = {:?}\nchirps = {}\nsamples = {}\nlanes = 2\ncomplex = {}\n\
         start-frequency-ghz = {}\nslope-mhz-per-us = {slope_mhz_per_us}\n\
         sample-rate-ksps = {}\nchirp-period-us = {}\nframe-period-ms = {}\nadc-bits = {}\n\n",
        data.ip(),
        options.board.port(),
        options.board,
        chirps.rx_antennas,
        chirps.chirps,
        chirps.samples,
        chirps.complex,
        chirps.start.0 * 1e-9,
        chirps.sample_rate.0 * 1e-3,
        chirps.chirp_period.0 * 1e6,
        chirps.frame_period.0 * 1e3,
        chirps.adc_bits,
    )
}

/// The `[[sensor]]` table for a stream of events: `way` is the key and the address of the daemon's
/// side, `format` what it is made of.
#[must_use]
pub fn event_net(way: &str, format: &str, geometry: Geometry) -> String {
    let Geometry { width, height } = geometry;
    format!(
        "[[sensor]]\nname = \"camera\"\nkind = \"event-net\"\n\n[sensor.settings]\n{way}\n\
         format = \"{format}\"\ngeometry = {{ width = {width}, height = {height} }}\n"
    )
}

/// How the daemon calls a format of event words.
#[must_use]
pub const fn format_name(format: EventFormat) -> &'static str {
    match format {
        EventFormat::Evt2 => "evt2",
        EventFormat::Evt21 => "evt21-little",
        EventFormat::Evt21Legacy => "evt21-legacy",
        EventFormat::Evt3 => "evt3",
    }
}

#[expect(clippy::cast_precision_loss, reason = "sample counts are far below 2^52")]
fn samples_time_us(chirps: &ChirpConfig) -> f64 {
    chirps.samples as f64 / chirps.sample_rate.0 * 1e6
}
