// CHANGELOG.md as data: the section of a version, and the step that gives the unreleased section a version.

const UNRELEASED = 'Unreleased'
/** The address of a heading, at the end of the file. */
const DEFINITION = /^\[[^\]]+\]: \S+$/

/**
 * The text under a version's heading, without the heading.
 * @param {string} changelog
 * @param {string} version `0.1.0`, or `Unreleased`
 * @returns {string | undefined} undefined where there is no such section or it is empty
 */
export function section(changelog, version) {
  const lines = changelog.split('\n')
  const start = lines.findIndex((line) => heading(line)?.version === version)
  if (start < 0) return undefined
  const end = lines.findIndex((line, index) => index > start && heading(line))
  const text = lines
    .slice(start + 1, end < 0 ? undefined : end)
    .filter((line) => !DEFINITION.test(line))
    .join('\n')
    .trim()
  return text || undefined
}

/**
 * The text of a version for a place outside of the repository: its links lead to the files of that version.
 * @param {string} changelog
 * @param {string} version
 * @param {string} repository `https://github.com/owner/name`
 */
export function releaseNotes(changelog, version, repository) {
  return section(changelog, version)?.replace(
    /\]\((?!https?:|#)([^)\s]+)\)/g,
    (_, path) => `](${repository}/blob/v${version}/${path})`,
  )
}

/**
 * The date of a version, `2026-11-30`; undefined where its heading has none.
 * @param {string} changelog
 * @param {string} version
 */
export function dateOf(changelog, version) {
  return changelog
    .split('\n')
    .map(heading)
    .find((found) => found?.version === version)?.date
}

/**
 * The changelog with the unreleased section under a version's heading, and an empty unreleased one above it.
 * @param {string} changelog
 * @param {string} version
 * @param {string} date `2026-11-30`
 */
export function releaseSection(changelog, version, date) {
  if (!section(changelog, UNRELEASED))
    throw new Error('CHANGELOG.md has nothing under [Unreleased]: write what changed.')
  if (section(changelog, version)) throw new Error(`CHANGELOG.md has a section for ${version} already.`)
  const released = changelog.replace(`## [${UNRELEASED}]\n`, `## [${UNRELEASED}]\n\n## [${version}] - ${date}\n`)
  // The addresses of the headings: what is unreleased is what came after the new version.
  return released.replace(
    /^\[Unreleased\]: (.+?)\/(?:commits|compare)\/.*$/m,
    (_, repository) =>
      `[Unreleased]: ${repository}/compare/v${version}...main\n[${version}]: ${repository}/releases/tag/v${version}`,
  )
}

/** @param {string} line */
function heading(line) {
  const found = /^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?\s*$/.exec(line)
  return found ? { version: found[1], date: found[2] } : undefined
}
