//! The same bits at any number of threads.

use candle_core::Result;

use super::{Case, single};

#[test]
fn bits_do_not_depend_on_the_number_of_threads() -> Result<()> {
    for sizes in [
        [8, 48, 40, 4, 4, 3, 1, 1],
        [3, 33, 20, 16, 16, 3, 1, 1],
        [2, 70, 72, 32, 32, 3, 1, 1],
        [1, 16, 16, 128, 96, 3, 1, 1],
        [4, 40, 300, 12, 12, 3, 1, 1],
        [2, 24, 3, 64, 64, 1, 1, 0],
        [2, 16, 24, 64, 64, 4, 2, 1],
        [1, 3, 5, 33, 47, 5, 2, 2],
    ] {
        let case = Case::new(sizes);
        let (x, w, g) = (single(&case.x()?)?, single(&case.w()?)?, single(&case.g()?)?);
        let mut first: Option<Vec<Vec<u32>>> = None;
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map_err(candle_core::Error::wrap)?;
            let results = pool.install(|| -> Result<Vec<Vec<u32>>> {
                [case.forward(&x, &w)?, case.input_vjp(&g, &w)?, case.weight_vjp(&x, &g)?]
                    .iter()
                    .map(|t| {
                        Ok(t.flatten_all()?.to_vec1::<f32>()?.iter().map(|v| v.to_bits()).collect())
                    })
                    .collect()
            })?;
            match &first {
                None => first = Some(results),
                Some(first) => assert!(*first == results, "{case:?} differs at {threads} threads"),
            }
        }
    }
    Ok(())
}
