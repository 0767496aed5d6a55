import json, sys
import capsolver

url, key, page, sitekey, picture = sys.argv[1:6]
capsolver.api_base = url
capsolver.api_key = key
task = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": page, "websiteKey": sitekey}
result = {"balance": capsolver.balance()["balance"], "token": capsolver.solve(task)["gRecaptchaResponse"]}
try:
    capsolver.solve({**task, "websiteURL": "https://elsewhere.example/"})
except Exception as error:
    result["denied"] = str(error)
capsolver.api_key = "f" * 32
try:
    capsolver.solve(task)
except Exception as error:
    result["refused"] = str(error)
print(json.dumps(result))
