// rows16.glsl: sixteen register rows by macro. Arrays would do, but only if every driver unrolled them; names cannot fail.
#define ROWS8A(F) F(0, 0, 0) F(1, 0, 1) F(2, 0, 2) F(3, 0, 3) F(4, 0, 4) F(5, 0, 5) F(6, 0, 6) F(7, 0, 7)
#define ROWS8B(F) F(8, 1, 0) F(9, 1, 1) F(10, 1, 2) F(11, 1, 3) F(12, 1, 4) F(13, 1, 5) F(14, 1, 6) F(15, 1, 7)
// F(row, block of eight, row within the block)
#define ROWS16(F) ROWS8A(F) ROWS8B(F)
