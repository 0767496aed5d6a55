import { expect, test } from 'vitest'
import type { AppStage } from './apps-stage.js'

/**
 * What a form can do, whichever component renders its widget: be rendered late and again, twice on one page, and be
 * used again.
 *
 * @param by the source of the form's token, if it is not the default
 * @param strict the same app in React's Strict Mode
 * @param query options of the app
 * @param can what the component cannot do is false
 */
export function formContract<V>(
  { at, start, dues, press, signIn }: AppStage<V>,
  app: string,
  {
    by,
    strict,
    query: more = {},
    can = {},
  }: {
    by?: string
    strict?: string | undefined
    query?: Readonly<Record<string, string>>
    can?: { readonly late?: boolean; readonly two?: boolean; readonly reset?: boolean }
  } = {},
): void {
  const query = by === undefined ? more : { ...more, by }

  async function solveAndSignIn(): Promise<void> {
    await dues(1)
    expect((await at.captcha.solve(at.page)).solved).toMatchObject([{ told: true }])
    expect(await signIn()).toBe('accepted')
  }

  if (can.late ?? true)
    test('rendered late, removed and rendered again', async () => {
      await start(app, { ...query, late: '' })
      expect(await at.find()).toEqual([])
      const ids = new Set<unknown>()
      for (let time = 0; time < 2; time++) {
        await press('Form')
        await dues(1)
        ids.add((await at.find())[0]?.id)
        await solveAndSignIn()
        await press('Form')
        expect(await at.find()).toEqual([])
      }
      expect(ids.size).toBe(2)
    })

  if (can.two ?? true)
    test('two widgets on one page, with a token each', async () => {
      await start(app, { ...query, many: '2' })
      await dues(2)
      const { solved } = await at.captcha.solve(at.page)
      expect(new Set(solved.map(({ solution }) => solution.token)).size).toBe(2)
      expect(await signIn(0)).toBe('accepted')
      expect(await signIn(1)).toBe('accepted')
    })

  if (can.reset ?? true)
    test('reset, it is due again', async () => {
      await start(app, query)
      await solveAndSignIn()
      expect(await signIn()).toBe('refused')
      await press('Reset')
      await solveAndSignIn()
    })

  if (strict === undefined) return
  test('in Strict Mode, which renders everything twice', async () => {
    await start(strict, { strict: '' })
    await solveAndSignIn()
    expect(at.grant.challenges).toHaveLength(1)
  })
}
