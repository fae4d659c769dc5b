//! The functions of CUDA's libraries that the program calls, through candle and by itself. `check-cuda` finds out if one is missing here: the program is then
//! linked with its library after all.

use super::forwarding::forwarded;

forwarded! {
    /// Of the driver.
    pub mod driver {
        cuCtxDestroy_v2 cuCtxGetCurrent cuCtxSetCurrent cuCtxSynchronize cuDeviceGet cuDeviceGetAttribute cuDeviceGetCount cuDeviceGetName
        cuDevicePrimaryCtxRelease_v2 cuDevicePrimaryCtxRetain cuDriverGetVersion cuEventCreate cuEventDestroy_v2 cuEventRecord cuEventSynchronize
        cuGetErrorString cuInit cuLaunchKernel cuMemAllocAsync cuMemAlloc_v2 cuMemFreeAsync cuMemFreeHost cuMemFree_v2 cuMemGetInfo_v2 cuMemHostAlloc
        cuMemcpyDtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuMemcpyHtoDAsync_v2 cuMemcpyPeerAsync cuMemsetD8Async cuModuleGetFunction cuModuleLoad cuModuleLoadData
        cuModuleUnload cuStreamCreate cuStreamDestroy_v2 cuStreamIsCapturing cuStreamSynchronize cuStreamWaitEvent
    }
}

forwarded! {
    /// Of cuBLAS.
    pub mod cublas {
        cublasCreate_v2 cublasDestroy_v2 cublasDgemmStridedBatched cublasGemmStridedBatchedEx cublasSetStream_v2
    }
}

forwarded! {
    /// Of cuRAND.
    pub mod curand {
        curandCreateGenerator curandDestroyGenerator curandSetPseudoRandomGeneratorSeed curandSetStream
    }
}

forwarded! {
    /// Of cuDNN.
    #[cfg(feature = "cuda")]
    pub mod cudnn {
        cudnnConvolutionBackwardData cudnnConvolutionBackwardFilter cudnnConvolutionForward cudnnCreate cudnnCreateConvolutionDescriptor
        cudnnCreateFilterDescriptor cudnnCreateTensorDescriptor cudnnDestroy cudnnDestroyConvolutionDescriptor cudnnDestroyFilterDescriptor
        cudnnDestroyTensorDescriptor cudnnGetConvolutionBackwardDataAlgorithm_v7 cudnnGetConvolutionBackwardDataWorkspaceSize
        cudnnGetConvolutionBackwardFilterAlgorithm_v7 cudnnGetConvolutionBackwardFilterWorkspaceSize cudnnGetConvolutionForwardAlgorithm_v7
        cudnnGetConvolutionForwardWorkspaceSize cudnnSetConvolution2dDescriptor cudnnSetConvolutionMathType cudnnSetFilter4dDescriptor cudnnSetStream
        cudnnSetTensor4dDescriptor cudnnSetTensor4dDescriptorEx
    }
}

forwarded! {
    /// Of NCCL.
    #[cfg(feature = "nccl")]
    pub mod nccl {
        ncclAllReduce ncclCommAbort ncclCommInitRank ncclGetUniqueId
    }
}

forwarded! {
    /// Of CUDA's runtime, which only candle's kernels for quantized weights call. Nothing here has such weights: these functions are never looked up, and the
    /// library need not be there.
    #[expect(dead_code, reason = "they are never looked up")]
    pub mod cudart {
        __cudaGetKernel __cudaLaunchKernel_ptsz __cudaPopCallConfiguration __cudaPushCallConfiguration __cudaRegisterFatBinary __cudaRegisterFatBinaryEnd
        __cudaRegisterFunction __cudaRegisterVar __cudaUnregisterFatBinary cudaDeviceGetAttribute cudaFree cudaFreeAsync_ptsz cudaFuncGetAttributes
        cudaFuncSetAttribute cudaGetDevice cudaGetDeviceCount cudaGetErrorName cudaGetErrorString cudaGetLastError cudaLaunchKernel cudaLaunchKernel_ptsz
        cudaMalloc cudaMallocAsync_ptsz cudaMemsetAsync_ptsz cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags cudaPeekAtLastError cudaSetDevice cudaStreamSynchronize_ptsz
    }
}
