from xval import encoding, frequent_words

TEXT = "{'m':1.5,'stepsize':0.3,'data':[[1,2],[3,4]]}"


def test_what_structured_data_repeat_becomes_one_token():
    words = frequent_words([TEXT, TEXT.replace("1.5", "2.5")])
    assert "{'m':" in words
    assert ",'stepsize':" in words
    bytewise, wordwise = encoding("xval"), encoding("xval", words)
    tokens, numbers = wordwise.encode_text(TEXT)
    assert len(tokens) == 6 + 7  # numbers, and what is before, between and behind them
    assert len(bytewise.encode_text(TEXT)[0]) == len(TEXT) - 4
    assert wordwise.decode_text(tokens, numbers) == TEXT


def test_the_most_useful_words_come_first_and_are_limited():
    texts = ["alphabet soup alphabet soup alphabet"] * 3
    assert frequent_words(texts, limit=1) == ["alphabet"]


def test_what_is_there_once_gets_no_token():
    assert frequent_words(["singular 5 plural"]) == []
