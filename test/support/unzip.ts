import { inflateRawSync } from 'node:zlib'

/** The files of a zip archive as text, by its central directory. */
export function unzip(archive: Buffer): [string, string][] {
  const end = archive.lastIndexOf(Buffer.from('PK\u0005\u0006'))
  const files: [string, string][] = []
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const method = archive.readUInt16LE(at + 10)
    const size = archive.readUInt32LE(at + 20)
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    ) as [number, number, number]
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength)
    const local = archive.readUInt32LE(at + 42)
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
    const data = archive.subarray(start, start + size)
    files.push([name, (method === 8 ? inflateRawSync(data) : data).toString('latin1')])
    at += 46 + nameLength + extraLength + commentLength
  }
  return files
}
