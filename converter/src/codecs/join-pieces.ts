/** Pieces in one array. */
export function joinPieces(byteLength: number, pieces: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(byteLength);
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.byteLength;
  }
  return file;
}
