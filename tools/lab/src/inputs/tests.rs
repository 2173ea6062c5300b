//! Inputs survive the disk.

use candle_core::DType;

use super::*;

#[test]
fn what_was_written_is_read_back() {
    let folder = std::env::temp_dir().join(format!("lab-inputs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("one.safetensors");
    let maps = Tensor::rand(0.0_f32, 1.0, (3, 2, 64, 64), &Device::Cpu).unwrap();
    let maps = maps.to_dtype(DType::F16).unwrap();
    let radar = RadarSet {
        faces: maps.clone(),
        steady: vec![0, 1, 1],
        maps,
        time: vec![0.4, 0.5, 0.6],
        range: vec![0.3, f32::NAN, 0.4],
    };
    Inputs { radar: Some(radar), event: None }.write(&path).unwrap();
    let read = Inputs::read(&path).unwrap();
    let radar = read.radar.unwrap();
    assert_eq!(radar.maps.dims(), [3, 2, 64, 64]);
    assert_eq!(radar.time, [0.4, 0.5, 0.6]);
    assert!(radar.range[1].is_nan() && (radar.range[2] - 0.4).abs() < 1e-6);
    assert!(read.event.is_none());
    std::fs::remove_dir_all(&folder).unwrap();
}
