import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Secret, type SecretProvider, secretFor } from '../../src/secrets/index.js'
import { KEY } from './contract.js'

const provider = (place: string): SecretProvider => ({
  kind: 'test',
  place,
  fetch: () => ({ current: { value: new Secret(KEY), version: '1' } }),
})
const place = (template: string, application?: string) =>
  secretFor({ environment: 'staging', application }, template, provider).place

test('secretFor fills in the template with the environment and the application', () => {
  expect(place('captcha/{environment}/{application}', 'checkout')).toBe('captcha/staging/checkout')
  expect(place('CAPTCHA_KEY_{environment}')).toBe('CAPTCHA_KEY_staging')
  expect(place('{environment}-{environment}')).toBe('staging-staging')
  expect(place('SOLVEGUARD_KEY')).toBe('SOLVEGUARD_KEY')
})

test('secretFor returns the created provider with its environment', async () => {
  const stop = vi.fn()
  const start = vi.fn(() => stop)
  const made = { ...provider('x'), start }
  const named = secretFor({ environment: 'ci', sharedWith: ['staging'] }, '{environment}', () => made)
  expect(named).toMatchObject({ kind: 'test', environment: 'ci', sharedWith: ['staging'] })
  expect((await named.fetch()).current.value.reveal()).toBe(KEY)
  const use = { clock: systemClock, changed() {} }
  named.start?.(use)()
  expect(start).toHaveBeenCalledWith(use)
  expect(stop).toHaveBeenCalled()
  expect(secretFor({ environment: 'ci' }, 'x', provider).start).toBeUndefined()
})

test.each<[string, object, string]>([
  ['an environment with a parent folder', { environment: '../production' }, 'a/{environment}'],
  ['an empty environment', { environment: '' }, 'a'],
  ['an application with a slash', { environment: 'ci', application: 'a/b' }, 'a/{application}'],
  ['a template with an application that is not given', { environment: 'ci' }, 'a/{application}'],
  ['a template with another placeholder', { environment: 'ci' }, 'a/{region}'],
  ['a wrong name in sharedWith', { environment: 'ci', sharedWith: ['a b'] }, 'a'],
])('secretFor rejects %s', (_, names, template) => {
  const made = () => secretFor(names as { environment: string }, template, provider)
  expect(made).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
