import { test } from 'solveguard/playwright-test'

test('nobody said which pages may be solved on', async ({ captcha }) => {
  await captcha.solve()
})
