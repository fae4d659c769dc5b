//! Functions compiled for the machine's widest vectors.

/// Makes a function whose body is compiled for each vector extension that may be there, and chosen when it is called.
///
/// The body must call nothing but what is marked `#[inline(always)]` or inlines by itself, and closures only through such functions: code that
/// stays behind a call is compiled for the oldest machine. Nothing else changes: additions and multiplications are not contracted, so that the bits are
/// the same on every machine.
macro_rules! vectorized {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    ) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            struct Call<T>(T);

            impl pulp::NullaryFnOnce for Call<($($type,)*)> {
                type Output = vectorized!(@result $($result)?);

                #[inline(always)]
                fn call(self) -> Self::Output {
                    let ($($argument,)*) = self.0;
                    $body
                }
            }

            $crate::vectorized::dispatch(Call(($($argument,)*)))
        }
    };
    (@result) => { () };
    (@result $result:ty) => { $result };
}

pub(crate) use vectorized;

/// Runs `call` with vectors of 256 bits where there are any.
///
/// Wider ones do not pay: these functions wait for memory, and given scatter instructions the compiler vectorizes across rows, which is slow.
#[inline(always)]
pub(crate) fn dispatch<C: pulp::NullaryFnOnce>(call: C) -> C::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(simd, call);
    }
    pulp::Arch::new().dispatch(call)
}
