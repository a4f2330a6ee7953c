// rows16.glsl: sixteen or thirty-two register rows by macro. Arrays would do, but only if every driver unrolled them; names
// cannot fail.
#define ROWS8A(F) F(0, 0, 0) F(1, 0, 1) F(2, 0, 2) F(3, 0, 3) F(4, 0, 4) F(5, 0, 5) F(6, 0, 6) F(7, 0, 7)
#define ROWS8B(F) F(8, 1, 0) F(9, 1, 1) F(10, 1, 2) F(11, 1, 3) F(12, 1, 4) F(13, 1, 5) F(14, 1, 6) F(15, 1, 7)
#define ROWS8C(F) F(16, 2, 0) F(17, 2, 1) F(18, 2, 2) F(19, 2, 3) F(20, 2, 4) F(21, 2, 5) F(22, 2, 6) F(23, 2, 7)
#define ROWS8D(F) F(24, 3, 0) F(25, 3, 1) F(26, 3, 2) F(27, 3, 3) F(28, 3, 4) F(29, 3, 5) F(30, 3, 6) F(31, 3, 7)
// F(row, block of eight, row within the block)
#define ROWS16(F) ROWS8A(F) ROWS8B(F)
#define ROWS32(F) ROWS16(F) ROWS8C(F) ROWS8D(F)
