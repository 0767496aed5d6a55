// One call: a balance, or a task for a page.
const [page, sitekey] = process.argv.slice(2)
const task = { type: 'ReCaptchaV2TaskProxyLess', websiteURL: page, websiteKey: sitekey }
const balance = 'https://2captcha.com/res.php?action=getbalance&json=1'
const headers = { authorization: 'Bearer none' }
const reply =
  page === 'balance'
    ? await fetch(balance, { headers })
    : await fetch('https://api.capsolver.com/createTask', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ clientKey: 'none', task }),
      })
const text = await reply.text()
console.log(reply.ok ? text : JSON.stringify(`${reply.status} ${text}`))
