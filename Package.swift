// swift-tools-version: 6.2
// 6.2 and no higher: Debian's own arm64 Swift is 6.2, and it has to build this package.
import PackageDescription

/// Warnings are errors. `EDGE_AGENT_WARNINGS=relaxed swift build` lets them pass, for a compiler
/// newer than the ones this package is tested with and for `swift package migrate`.
let strictness: [SwiftSetting] =
    Context.environment["EDGE_AGENT_WARNINGS"] == "relaxed" ? [] : [.treatAllWarnings(as: .error)]

let swift: [SwiftSetting] =
    [
        .strictMemorySafety(),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + strictness

/// Tests keep the language mode and the strict warnings; strict memory safety is for shipped code.
let testSwift: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + strictness

let c: [CSetting] = [
    .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
]
let cxx: [CXXSetting] = [
    .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
]

/// `make fuzz` sets it; other builds do without libFuzzer.
let fuzzTargets: [Target] =
    Context.environment["EDGE_AGENT_FUZZ"] == nil
    ? []
    : [
        .target(
            name: "FuzzTargets", dependencies: ["InferenceRuntime"], path: "Tests/Fuzz/Targets",
            swiftSettings: testSwift),
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver", cSettings: c,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]),
    ]

let package = Package(
    name: "edge-agent",
    products: [
        .executable(name: "edge-agent", targets: ["edge-agent"]),
        .library(name: "EdgeAgent", targets: ["EdgeAgent"]),
        .library(name: "SensorIO", targets: ["SensorIO"]),
        .library(name: "InferenceRuntime", targets: ["InferenceRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // System libraries: one module a library, touched by one Swift file each.
        .systemLibrary(
            name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // C and C++ of our own.
        .target(
            name: "CSimdjson", cxxSettings: cxx, linkerSettings: [.linkedLibrary("simdjson")]),
        // libcurl is opened when it is needed, not linked.
        .target(name: "CCurl", dependencies: ["CLinuxShims"], cSettings: c),
        // The same with libmicrohttpd.
        .target(name: "CMicrohttpd", dependencies: ["CLinuxShims"], cSettings: c),
        .target(name: "CLinuxShims", cSettings: c),
        // The files of the status page as bytes of the executable; clang takes them in as they stand in the tree.
        .target(
            name: "CStatusPage", exclude: ["Files"],
            cSettings: c + [.disableWarning("c23-extensions")]),
        .target(name: "CInferenceKernels", cSettings: c),
        // Opens ONNX Runtime at run time; links to nothing.
        .target(name: "COnnxRuntime", cSettings: c),

        // Swift.
        .target(
            name: "InferenceRuntime", dependencies: ["CInferenceKernels", "COnnxRuntime"],
            swiftSettings: swift),
        .target(
            name: "SensorIO", dependencies: ["CMosquitto", "CSQLite", "CSimdjson", "CLinuxShims"],
            swiftSettings: swift),
        .target(
            name: "EdgeAgent",
            dependencies: [
                "InferenceRuntime", "SensorIO", "CYAML", "CCrypto", "CCurl", "CMicrohttpd",
                "CStatusPage", "CLinuxShims",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swift),
        .executableTarget(
            name: "edge-agent",
            dependencies: [
                "EdgeAgent", "InferenceRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swift),

        // Tests.
        .target(
            name: "CAllocationCounter", path: "Tests/CAllocationCounter", cSettings: c),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: testSwift),
        .testTarget(
            name: "InferenceRuntimeTests",
            dependencies: ["InferenceRuntime", "CInferenceKernels", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: testSwift),
        .testTarget(
            name: "SensorIOTests",
            dependencies: ["SensorIO", "TestSupport", "CAllocationCounter"],
            swiftSettings: testSwift),
        .testTarget(
            name: "EdgeAgentTests",
            dependencies: [
                "EdgeAgent", "TestSupport", .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Fixtures")], swiftSettings: testSwift),
    ] + fuzzTargets,
    cLanguageStandard: .c11,
    cxxLanguageStandard: .cxx17
)
