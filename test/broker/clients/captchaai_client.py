import json, os, sys
from captchaai import CaptchaAI
from captchaai.exceptions import CaptchaAIError, ThreadLimitError

url, key, page, sitekey, picture = sys.argv[1:6]
solver = CaptchaAI(api_key=key, base_url=url)
result = {
    "threads": solver.threads_info(),
    "text": solver.normal(picture).solution,
    "token": solver.recaptcha_v2(sitekey=sitekey, url=page).solution,
}
try:
    solver.recaptcha_v2(sitekey=sitekey, url="https://elsewhere.example/")
except CaptchaAIError as error:
    result["denied"] = type(error).__name__
try:
    CaptchaAI(api_key="f" * 32, base_url=url)
except CaptchaAIError as error:
    result["refused"] = type(error).__name__
print(json.dumps(result))
