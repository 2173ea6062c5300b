//! The table of workloads.

mod event;
mod evt;
mod files;
mod network;
mod operator;
mod pipeline;
mod radar;
mod serial;

pub(crate) use files::from_file;

use crate::workload::Workload;

/// Every workload, in the order in which data flows.
pub(crate) static ALL: &[Workload] = &[
    Workload { name: "evt3_decode synthetic 64 KiB chunks", prepare: evt::synthetic },
    Workload { name: "evt3_decode imx636 64 KiB chunks", prepare: evt::imx636 },
    Workload { name: "evt3_decode face 64 KiB chunks", prepare: evt::face_evt3 },
    Workload { name: "evt3_decode sparklers x4 64 KiB chunks", prepare: evt::sparklers_evt3 },
    Workload { name: "evt2_decode sparklers x16 64 KiB chunks", prepare: evt::sparklers_evt2 },
    Workload { name: "evt21_decode face little 64 KiB chunks", prepare: evt::face_evt21 },
    Workload { name: "aedat4_decode face 64 KiB chunks", prepare: files::aedat4 },
    Workload { name: "dat_decode face 64 KiB chunks", prepare: files::dat },
    Workload { name: "read imx636 evt3 from file", prepare: files::read_imx636 },
    Workload { name: "read face aedat4 from file", prepare: files::read_aedat4 },
    Workload { name: "serial_session u16 3 rx x 64 chirps x 128 samples", prepare: serial::words },
    Workload {
        name: "serial_session delta-rice 3 rx x 64 chirps x 128 samples",
        prepare: serial::delta_rice,
    },
    Workload {
        name: "range_doppler 3 rx x 64 chirps x 128 samples i16",
        prepare: radar::range_doppler,
    },
    Workload {
        name: "range_doppler mti 3 rx x 64 chirps x 128 samples i16",
        prepare: radar::range_doppler_mti,
    },
    Workload {
        name: "micro_doppler frame-mean 64 frames of 3 rx x 64 x 128 i16",
        prepare: radar::micro_doppler,
    },
    Workload {
        name: "micro_doppler stacked 8 frames of 3 rx x 64 x 128 i16",
        prepare: radar::micro_doppler_stacked,
    },
    Workload { name: "model_input 3 rx x 65 x 64 map to 64 x 64", prepare: radar::model_input },
    Workload { name: "denoise face 320x240", prepare: event::denoise },
    Workload { name: "face_region face 320x240", prepare: event::face_region },
    Workload { name: "voxels face 320x240 to 2 x 16 x 112 x 112", prepare: event::voxels },
    Workload { name: "operator conv 3x3 2 to 16, 64 x 64, ours", prepare: operator::conv_stem },
    Workload {
        name: "operator conv 3x3 2 to 16, 64 x 64, stock",
        prepare: operator::conv_stem_stock,
    },
    Workload { name: "operator conv 3x3 32 to 32, 32 x 32, ours", prepare: operator::conv },
    Workload { name: "operator conv 3x3 32 to 32, 32 x 32, stock", prepare: operator::conv_stock },
    Workload { name: "operator depthwise 3x3 64, 32 x 32, ours", prepare: operator::depthwise },
    Workload {
        name: "operator depthwise 3x3 64, 32 x 32, stock",
        prepare: operator::depthwise_stock,
    },
    Workload {
        name: "operator transposed 3x3 64 to 32, 8 x 8 to 16 x 16, ours",
        prepare: operator::transposed,
    },
    Workload {
        name: "operator transposed 3x3 64 to 32, 8 x 8 to 16 x 16, stock",
        prepare: operator::transposed_stock,
    },
    Workload {
        name: "operator over time 3 32 to 32, 16 x 56 x 56, ours",
        prepare: operator::over_time,
    },
    Workload {
        name: "operator over time 3 32 to 32, 16 x 56 x 56, stock",
        prepare: operator::over_time_stock,
    },
    Workload { name: "operator linear 8192 to 128, ours", prepare: operator::linear },
    Workload { name: "operator linear 8192 to 128, stock", prepare: operator::linear_stock },
    Workload { name: "operator silu 65536, ours", prepare: operator::silu },
    Workload { name: "operator silu 65536, stock", prepare: operator::silu_stock },
    Workload { name: "operator max pool 2x2 64, 32 x 32, ours", prepare: operator::pool },
    Workload { name: "operator max pool 2x2 64, 32 x 32, stock", prepare: operator::pool_stock },
    Workload { name: "operator soft spike 32, 16 x 56 x 56, ours", prepare: operator::spikes },
    Workload {
        name: "operator soft spike 32, 16 x 56 x 56, stock",
        prepare: operator::spikes_stock,
    },
    Workload {
        name: "operator attention 4 x 4 heads of 64 x 24, ours",
        prepare: operator::attention,
    },
    Workload {
        name: "operator attention 4 x 4 heads of 64 x 24, stock",
        prepare: operator::attention_stock,
    },
    Workload { name: "network fooder_auth edge, one answer", prepare: network::auth },
    Workload { name: "network fooder_gate default, one answer", prepare: network::gate },
    Workload { name: "network fooder_expert xxs, one answer", prepare: network::expert_xxs },
    Workload { name: "network fooder_expert xs, one answer", prepare: network::expert_xs },
    Workload { name: "network cs3d edge, one answer", prepare: network::cs3d },
    Workload { name: "network cs3d coarse, one answer", prepare: network::cs3d_coarse },
    Workload { name: "network fooder_auth edge, AdamW step of 32", prepare: network::auth_step },
    Workload { name: "network fooder_gate default, AdamW step of 32", prepare: network::gate_step },
    Workload { name: "network fooder_expert xxs, AdamW step of 32", prepare: network::expert_step },
    Workload { name: "network cs3d edge, AdamW step of 4", prepare: network::cs3d_step },
    Workload { name: "pipeline radar 19.8 s recording", prepare: pipeline::radar },
    Workload { name: "pipeline event face recording", prepare: pipeline::event },
    Workload { name: "pipeline demo scene, radar and events", prepare: pipeline::demo },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_workload_hides_behind_the_name_of_another() {
        for (n, workload) in ALL.iter().enumerate() {
            let others = ALL.iter().enumerate().filter(|&(other, _)| other != n);
            for (_, other) in others {
                assert!(!other.name.starts_with(workload.name), "{}", workload.name);
            }
        }
    }
}
