/** The types that services accept, by the first bytes of the file. */
const TYPES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
] as const

/** A picture's type, by its first bytes; undefined for anything but a PNG, JPEG or GIF. */
export function pictureType(bytes: Uint8Array): (typeof TYPES)[number][0] | undefined {
  return TYPES.find(([, start]) => start.every((byte, at) => bytes[at] === byte))?.[0]
}
