/// The powers of ten from 10^-292 to 10^324 as 128-bit significands, rounded up.
///
/// Every 27th power is stored with 192 bits; the ones between are that power times 5^r, which is
/// exact in 64 bits for r ≤ 26. That the product, cut to 128 bits, equals the true power rounded
/// up has been checked for each of the 617 exponents (a test repeats it).
enum PowersOfTen {
    /// The significand of 10^`exponent`, normalised (top bit set) and rounded up.
    ///
    /// - Parameter exponent: -292...324.
    @inline(__always)
    static func significand(_ exponent: Int) -> (high: UInt64, low: UInt64) {
        let (index, rest) = (exponent &+ 297).quotientAndRemainder(dividingBy: 27)
        let power = fives[rest]
        let (c0, p0) = bases[3 &* index &+ 2].multipliedFullWidth(by: power)
        let (c1, p1) = bases[3 &* index &+ 1].multipliedFullWidth(by: power)
        let (c2, p2) = bases[3 &* index].multipliedFullWidth(by: power)
        let (w1, carry1) = p1.addingReportingOverflow(c0)
        let (w2, carry2) = p2.addingReportingOverflow(c1 &+ (carry1 ? 1 : 0))
        let w3 = c2 &+ (carry2 ? 1 : 0)
        // w3:w2:w1:p0 is the product; its top bit stands in w3 or, for 5^0, in w2.
        var (high, low, rest1, rest0) = (w3, w2, w1, p0)
        if high == 0 { (high, low, rest1, rest0) = (w2, w1, p0, 0) }
        let shift = UInt64(truncatingIfNeeded: high.leadingZeroBitCount)
        if shift > 0 {
            high = high &<< shift | low &>> (64 &- shift)
            low = low &<< shift | rest1 &>> (64 &- shift)
            rest1 = rest1 &<< shift
        }
        if rest1 | rest0 != 0 {
            let (sum, carry) = low.addingReportingOverflow(1)
            low = sum
            high = high &+ (carry ? 1 : 0)
        }
        return (high, low)
    }

    /// 5^0 … 5^26.
    private static let fives: InlineArray<27, UInt64> = [
        1, 5, 25, 125, 625, 3_125, 15_625, 78_125, 390_625, 1_953_125, 9_765_625, 48_828_125,
        244_140_625, 1_220_703_125, 6_103_515_625, 30_517_578_125, 152_587_890_625,
        762_939_453_125, 3_814_697_265_625, 19_073_486_328_125, 95_367_431_640_625,
        476_837_158_203_125, 2_384_185_791_015_625, 11_920_928_955_078_125,
        59_604_644_775_390_625, 298_023_223_876_953_125, 1_490_116_119_384_765_625,
    ]

    /// 10^(27·i) for i = -11 … 12: three words each, the highest first.
    private static let bases: InlineArray<72, UInt64> = [
        0xa76c_5823_38ed_2621, 0xaf2a_f2b8_0af6_f24e, 0x657c_8f4d_4332_3a36,  // 10^-297
        0x873e_4f75_e222_4e68, 0x5a77_44a6_e804_a291, 0xcc35_eddf_cf09_96d7,  // 10^-270
        0xda7f_5bf5_9096_6848, 0xaf39_a475_506a_899e, 0xa302_94cc_2934_e662,  // 10^-243
        0xb080_392c_c434_9dec, 0xbd8d_794d_96aa_cfb3, 0xfe13_a5c8_6af6_4418,  // 10^-216
        0x8e93_8662_882a_f53e, 0x547e_b47b_7282_ee9c, 0x41b0_230e_1421_487d,  // 10^-189
        0xe658_29b3_046b_0afa, 0x0cb4_a5a3_112a_5112, 0xa3b5_61b1_cb20_8396,  // 10^-162
        0xba12_1a46_50e4_ddeb, 0x92f3_4d62_616c_e413, 0x21a0_183e_1058_3cd3,  // 10^-135
        0x964e_858c_91ba_2655, 0x3a6a_07f8_d510_f86f, 0xe908_2f25_e9c5_e9ec,  // 10^-108
        0xf2d5_6790_ab41_c2a2, 0xfae2_7299_423f_b9c3, 0x3695_dad7_e885_8901,  // 10^-81
        0xc428_d05a_a475_1e4c, 0xaa97_e14c_3c26_b886, 0x9684_2dc9_5323_f5a8,  // 10^-54
        0x9e74_d1b7_91e0_7e48, 0x775e_a264_cf55_347d, 0xca49_f1c0_5120_c9c7,  // 10^-27
        0x8000_0000_0000_0000, 0x0000_0000_0000_0000, 0x0000_0000_0000_0000,  // 10^0
        0xcecb_8f27_f420_0f3a, 0x0000_0000_0000_0000, 0x0000_0000_0000_0000,  // 10^27
        0xa70c_3c40_a64e_6c51, 0x9990_90b6_5f67_d924, 0x0000_0000_0000_0000,  // 10^54
        0x86f0_ac99_b4e8_dafd, 0x69a0_28bb_3ded_71a3, 0xdf9f_9156_27c0_4e28,  // 10^81
        0xda01_ee64_1a70_8de9, 0xe80e_6f48_20cc_9495, 0xd74b_aad0_3bc1_d8d3,  // 10^108
        0xb01a_e745_b101_e9e4, 0x5ec0_5dcf_f72e_7f8f, 0xc04c_79ff_e324_301f,  // 10^135
        0x8e41_ade9_fbeb_c27d, 0x1458_8f13_be84_7307, 0x23bd_6a20_59c0_02f5,  // 10^162
        0xe5d3_ef28_2a24_2e81, 0x8f16_68c8_a86d_a5fa, 0xf0b5_ccf5_176e_cc7c,  // 10^189
        0xb9a7_4a06_37ce_2ee1, 0x6d95_3e2b_d717_3692, 0x88ef_b003_7ac0_8bde,  // 10^216
        0x95f8_3d0a_1fb6_9cd9, 0x4abd_af10_1564_f98e, 0x0d5a_4af7_b3a9_8e47,  // 10^243
        0xf24a_01a7_3cf2_dccf, 0xbc63_3b39_673c_8cec, 0x3d9c_44cd_2f36_917c,  // 10^270
        0xc3b8_3581_09e8_4f07, 0x0a86_2f80_ec47_00c8, 0x0260_6ea0_1029_dc37,  // 10^297
        0x9e19_db92_b4e3_1ba9, 0x6c07_a2c2_6a83_46d1, 0x4944_d9f5_2cd0_dec2,  // 10^324
    ]
}
