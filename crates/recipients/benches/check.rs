//! How fast a file is checked: 100,000 rows of a number and two parameters.

use std::hint::black_box;
use std::io::{Cursor, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sinch_batch_models::{Message, Template};
use sinch_batch_recipients::{
    Batcher, CheckOptions, Format, InvalidRows, RecipientFile, RecipientSource, RowReader, Rows, preflight,
};

const ROWS: u64 = 100_000;

fn csv_file() -> Vec<u8> {
    let mut file = String::from("SMS,name,code\n");
    for row in 0..ROWS {
        file.push_str(&format!("+1555{row:07},Name {row},{:06}\n", row * 7 % 1_000_000));
    }
    file.into_bytes()
}

/// The same rows as on the wire, each with so many identities.
fn json_file(n_identities: usize) -> Vec<u8> {
    let channels = ["SMS", "WHATSAPP"];
    let mut file = String::new();
    for row in 0..ROWS {
        let identities: Vec<_> = channels[..n_identities]
            .iter()
            .map(|channel| format!(r#"{{"channel":"{channel}","identity":"+1555{row:07}"}}"#))
            .collect();
        file.push_str(&format!(
            r#"{{"recipient":{{"identified_by":{{"channel_identities":[{}]}}}},"parameters":{{"name":"Name {row}","code":"{:06}"}}}}"#,
            identities.join(","),
            row * 7 % 1_000_000
        ));
        file.push('\n');
    }
    file.into_bytes()
}

fn on_disk(file: &[u8], format: Format) -> RecipientFile {
    let mut on_disk = tempfile::tempfile().expect("a temporary file");
    on_disk.write_all(file).expect("room for it");
    RecipientFile::from_file(on_disk, "", format).expect("a file")
}

fn check(c: &mut Criterion) {
    let template = Template::new(Message::text("Hello ${name}, your code is ${code}."));
    let file = csv_file();
    let source = |file: &[u8]| RowReader::new(Cursor::new(file.to_vec()), Format::Csv, &template);
    let mut group = c.benchmark_group("100k rows");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function("the csv crate alone", |b| {
        b.iter(|| {
            let mut reader = csv::Reader::from_reader(&*file);
            let mut record = csv::ByteRecord::new();
            let mut fields = 0;
            while reader.read_byte_record(&mut record).is_ok_and(|found| found) {
                fields += record.len();
            }
            black_box(fields)
        });
    });
    group.bench_function("preflight", |b| {
        b.iter(|| preflight(source(&file).expect("a good header"), |_| {}).expect("no trouble in memory").rows);
    });
    group.bench_function("cut", |b| {
        b.iter(|| {
            let rows = Rows::new(source(&file).expect("a good header"), InvalidRows::none());
            Batcher::new(rows, 1000).map(|batch| batch.expect("good rows").rows.len()).sum::<usize>()
        });
    });
    for n_identities in [1, 2] {
        let mut on_disk = on_disk(&json_file(n_identities), Format::JsonLines);
        group.bench_function(format!("check, JSON lines, identities: {n_identities}"), |b| {
            b.iter(|| on_disk.check(&template, &CheckOptions::new(), &mut |_| {}).expect("no trouble").rows);
        });
    }
    let mut on_disk = on_disk(&file, Format::Csv);
    group.bench_function("check", |b| {
        b.iter(|| on_disk.check(&template, &CheckOptions::new(), &mut |_| {}).expect("no trouble").rows);
    });
    let options = CheckOptions::new().with_batch_size(1000);
    group.bench_function("check and plan", |b| {
        b.iter(|| on_disk.check(&template, &options, &mut |_| {}).expect("no trouble").n_batches());
    });
    let checked = on_disk.check(&template, &options, &mut |_| {}).expect("no trouble");
    group.bench_function("plan", |b| {
        b.iter(|| checked.plan().map(|batch| batch.rows.len()).sum::<usize>());
    });
    group.bench_function("read all batches", |b| {
        b.iter(|| {
            let read = |batch: sinch_batch_recipients::PlannedBatch| {
                let mut rows = batch.rows.iter().map(|(row, _)| *row);
                on_disk.read_batch(&template, &batch.range, &mut rows).expect("the same rows").len()
            };
            checked.plan().map(read).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
