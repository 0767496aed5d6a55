import type { Place } from './family.js'

/** Takes an open challenge out of the user's way, as the vendors' scripts do once it is solved: all that was put over the page. */
export function hideChallenge({ dom }: Place, challenge: Element | undefined): void {
  let node: Node | null | undefined = challenge
  for (let depth = 0; node && depth < 20; depth++) {
    const above: Node | null = dom.parent(node)
    if (above === dom.body() || !above) break
    node = above
  }
  if (dom.isElement(node)) (node as HTMLElement).style.visibility = 'hidden'
}
