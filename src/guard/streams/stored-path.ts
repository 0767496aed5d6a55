/** A path without the ids that a later id begins with: deep paths would not fit into a fact. */
export function shortPath(path: readonly string[]): string[] {
  return path.filter((id, i) => !path[i + 1]?.startsWith(`${id}/`))
}

/** The path of a short one. The budget of an origin, `name@https://…`, has no ids above it. */
export function wholePath(path: readonly string[]): string[] {
  return path.flatMap((id) => {
    if (id.includes('@')) return [id]
    const names = id.split('/')
    return names.map((_, i) => names.slice(0, i + 1).join('/'))
  })
}
